"""HTTP resources: a module per resource, a class per URL, a method per verb."""
