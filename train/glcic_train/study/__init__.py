"""The user study of section 4.6: are people able to tell completed pictures from real ones, and how fast?

pictures.py  a study's folder: one subfolder of pictures for each method, and `real`
make.py      makes such a folder with a model and photographs
plan.py      which version of which picture a participant sees, in which order
answers.py   the answers, in a file that survives a kill
server.py    the web page, on this machine only
figures.py   naturalness (Fig. 11) and the share detected by time (Fig. 14)
plots.py     both as SVG
report.py    table, JSON and plots of a study
"""
