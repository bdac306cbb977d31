"""What `make` calls: set-up, private engines, one supervisor, and the tests' database.

It starts programs and waits for them; it knows no model and imports no Django. What the
product does with the addresses it hands over is the business of config.settings.
"""
