"""The command ``mdpr``: each module is a subcommand, which parses and makes one library call."""
