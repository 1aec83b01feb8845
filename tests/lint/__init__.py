"""Rules of this project that no linter knows; ``python -m tests.lint`` looks at every file."""
