"""What each agent may call, how often, and for how much: rules from `config.toml`, counted across processes."""
