"""The models: they learn online how much is usual, and serve as River estimators too."""
