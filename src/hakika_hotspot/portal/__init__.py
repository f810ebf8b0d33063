"""The portal: what a phone sees when it joins the WiFi. Whole pages, which need neither script nor cookie."""
