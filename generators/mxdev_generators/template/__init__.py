"""Any Copier or Cookiecutter template as a generator."""
