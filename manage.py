#!/usr/bin/env python
"""Django's command line; `python manage.py help` lists the operator commands."""

import sys

from config import environment


def main() -> None:
    environment.prepare()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {error}")
    except OperationalError as error:
        sys.exit(f"Error: the database cannot be reached, check DATABASE_URL ({str(error).strip().splitlines()[0]})")


if __name__ == "__main__":
    main()
