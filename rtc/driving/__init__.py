"""What stands between the log and a media engine: the process `python -m rtc.engine`."""
