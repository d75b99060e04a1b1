"""What happens around the steps of a run: `mdpr.engine.hooks.build` lists it all, in order."""
