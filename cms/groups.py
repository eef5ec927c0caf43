"""The Django groups other rooms rely on."""

# Readers of case studies. cms gates pages by this group; membership puts confirmed members into it.
MEMBERS_GROUP = "Members"

# Who writes and publishes the directory, and answers what people send. newsletter/roles.py makes it, with its rights.
AUTHORS_GROUP = "Author"
