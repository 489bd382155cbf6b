"""The paper's experiments, each by one command at a budget of your choice.

budget.py       how long each run of an experiment lasts
training.py     trains a configuration and exports the model, or goes on with what was begun
definitions.py  what is trained, and what is scored beside what
"""
