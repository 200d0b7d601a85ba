"""The bundled model and its eight tasks, and what the demo does with them."""
