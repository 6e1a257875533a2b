"""How every resource speaks HTTP; no URL or shape of a resource is named here."""
