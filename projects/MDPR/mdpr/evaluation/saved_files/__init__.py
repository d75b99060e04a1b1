"""The top rung: files that an evaluation leaves, and scores of them without a model.

- `features`: features with labels; `evaluate_file`
- `rankings`: what each query found
- `archives`: ``.npz`` files checked against a layout
"""
