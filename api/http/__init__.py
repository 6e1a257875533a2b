"""How every resource speaks HTTP; no resource is named here."""
