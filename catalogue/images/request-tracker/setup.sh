# The package's own answers about names and addresses make way for 90-kopnams.pm; what it would write lies on the pod's volumes.
set -eu
rm -f /etc/request-tracker5/RT_SiteConfig.d/50-debconf.pm /etc/request-tracker5/RT_SiteConfig.d/60-logging.pm
rm -f /etc/request-tracker5/RT_SiteConfig.d/40-timezone.pm
chmod 0644 /etc/request-tracker5/RT_SiteConfig.pm
chown root:root /etc/request-tracker5/RT_SiteConfig.pm
rm -rf /var/lib/request-tracker5 /var/cache/request-tracker5 /var/log/request-tracker5 /etc/cron.d /etc/cron.daily
mkdir -p /var/lib/request-tracker5 /var/cache/request-tracker5 /var/log/request-tracker5 /srv/reports
mkdir -p /etc/kopnams/database /etc/kopnams/root
chown www-data:www-data /var/lib/request-tracker5 /var/cache/request-tracker5 /var/log/request-tracker5 /srv/reports
# Texts in scripts that a browser shows only: 50 MB of fonts for a chart library's labels. One font is enough.
find /usr/share/fonts -type f ! -name 'DejaVuSans*' ! -name 'Droid*' -delete
