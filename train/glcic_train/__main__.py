"""`python -m glcic_train`, the form that torchrun needs."""

from glcic_train.cli import main

main()
