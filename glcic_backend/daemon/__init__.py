"""The daemon behind `glcic-backend serve`."""
