"""What authors write who know other formats: found where it stands, with what to write instead."""
