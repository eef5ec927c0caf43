"""The Django groups other rooms rely on."""

# Readers of case studies. cms gates pages by this group; membership puts confirmed members into it.
MEMBERS_GROUP = "Members"
