"""Files read and written with care: regular ones only, private ones, nothing through a link that was laid since."""
