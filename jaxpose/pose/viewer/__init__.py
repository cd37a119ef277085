"""Shows poses in a page of HTML that works without a network.

write_html([pose], "walk.html", video="walk.mp4")
"""

from jaxpose.pose.viewer.page import Viewer, view, write_html

__all__ = ["Viewer", "view", "write_html"]
