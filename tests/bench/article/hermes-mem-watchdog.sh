#!/usr/bin/env bash
# The article's watchdog, with the process found by the unit, so that it has something to measure.
threshold_mb=2048
pid=$(systemctl show --property MainPID --value hermes-gateway.service)
[[ $pid -gt 0 ]] || exit 0
rss_mb=$(($(ps -o rss= -p "$pid") / 1024))
if ((rss_mb > threshold_mb)); then
  logger -t hermes-mem-watchdog "RSS ${rss_mb} MB is above ${threshold_mb} MB: restarting"
  systemctl restart hermes-gateway.service
fi
