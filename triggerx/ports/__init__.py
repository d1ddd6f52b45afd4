"""What roles ask of the outside, as Protocols; a docstring here is the contract implementations are tested against."""
