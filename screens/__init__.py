"""One module a screen: asks a backend, shows widgets, holds no rule of the domain."""
