"""What the pages hold and do. Every handler is declared by ``base.on``, which asks who is there and what they may."""
