"""Pictures. Nothing that trains or evaluates imports this package, or matplotlib."""
