"""What predict.py and export.py are made of: a trained classifier, its inputs, its answers."""
