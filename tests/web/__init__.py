"""The checker in JavaScript and the page made of it."""
