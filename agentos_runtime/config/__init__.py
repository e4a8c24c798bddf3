"""What the operator decides: settings, and the tables of config.toml."""
