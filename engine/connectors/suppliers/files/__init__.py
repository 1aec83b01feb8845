"""A supplier that takes purchase orders as files over SFTP and answers with files."""
