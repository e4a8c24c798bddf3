"""What the operator can have done besides calls: values in, values out, for every surface alike."""
