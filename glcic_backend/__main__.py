"""`python -m glcic_backend`, the same as the command `glcic-backend`."""

from glcic_backend.cli import main

if __name__ == "__main__":
    main()
