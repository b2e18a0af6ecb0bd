"""The commands of `recuo`: one module for each family; none is imported before it is used."""
