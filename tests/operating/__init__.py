"""What the operator looks at and has done, over HTTP and on the command line."""
