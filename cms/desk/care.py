"""What is due for review, what contacts answered, and the mails that ask them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
