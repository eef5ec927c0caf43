"""The person who logs in. The e-mail address is the login."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from cms.addresses import address_hash, normalise_address, validate_address


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normalise_address(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):
    """An account. Members have one, and so have editors."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True, validators=[validate_address])
    # Lets the ledger meet the suppression list in one query, without either knowing addresses.
    address_hash = models.CharField(max_length=64, editable=False, db_index=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_whatever_its_case"),
            models.CheckConstraint(condition=~models.Q(address_hash=""), name="user_has_address_hash"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = normalise_address(self.email)
        self.address_hash = address_hash(self.email)
        if "email" in (kwargs.get("update_fields") or []):
            kwargs["update_fields"] = {*kwargs["update_fields"], "address_hash"}
        super().save(*args, **kwargs)

    def __str__(self) -> str:
        return self.get_full_name() or f"Member {self.pk}"
