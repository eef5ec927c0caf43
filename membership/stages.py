"""Steps of logging in that must cost the same for everybody."""

from typing import Any

from allauth.account import stages
from django.http import HttpRequest

from membership.models import User


class LoginByCodeStage(stages.LoginByCodeStage):
    """The e-mailed code. For an address that we do not know, allauth has nobody to look up: we look up nobody."""

    def __init__(self, controller: Any, request: HttpRequest, login: Any) -> None:
        super().__init__(controller, request, login)
        if login.user is None:
            User.objects.filter(pk=0).first()
