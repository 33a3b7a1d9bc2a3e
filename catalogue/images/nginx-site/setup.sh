# Nothing of the package's own sites and start-up files is used.
set -eu
rm -rf /etc/nginx/sites-* /etc/nginx/conf.d /etc/nginx/modules-* /etc/init.d/nginx /var/www /var/log/nginx /var/lib/nginx
mkdir -p /srv/site /etc/kopnams/content /etc/kopnams/editor
