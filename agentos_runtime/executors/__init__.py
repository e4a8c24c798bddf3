"""What runs on this machine: databases, programs and Python of skills, each in processes of its own, bounded."""
