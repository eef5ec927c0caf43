"""Addresses of a member's own data, the yearly question and complaints."""

from django.urls import path

from membership import views_complaints, views_data

urlpatterns = [
    path("account/your-data/", views_data.your_data, name="your_data"),
    path("account/your-data/export.json", views_data.export, name="export"),
    path("account/erase/", views_data.erase, name="erase"),
    path("account/erased/", views_data.erased, name="erased"),
    path("account/still-here/<str:token>/", views_data.still_here, name="still_here"),
    path("complaints/", views_complaints.complaints, name="complaints"),
]
