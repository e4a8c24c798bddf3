"""What skills run on this machine: databases, programs, Python and steps, once somebody approved it."""
