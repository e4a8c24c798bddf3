"""The ways in which a utility answers: plainly, as a stream, as a list in pages, as a job."""
