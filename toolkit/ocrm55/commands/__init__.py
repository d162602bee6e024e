"""The commands of the `ocrm55` program, a file each: they parse, call one function of the toolkit, and print."""
