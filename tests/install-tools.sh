#!/bin/sh
# Installs what the tests need beside Python: a Samba AD domain controller, the LDAP tools, servers and Chromium.
# Without the right to install it says exactly what is missing; the tests that need it are then left out,
# and with CI=true that is a failure.
set -u
PATH="$PATH:/usr/sbin:/sbin"
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need samba samba-ad-dc
need ldbadd ldb-tools
need ldapsearch ldap-utils
[ -d /usr/lib/python3/dist-packages/gssapi ] || missing="$missing python3-gssapi"
need redis-server redis-server
need rabbitmq-server rabbitmq-server
need pg_ctlcluster postgresql
need isql unixodbc
need odbcinst odbcinst
need nginx nginx-light
[ -n "$(find /usr/lib /usr/local/lib -name libtdsodbc.so 2>/dev/null | head -n 1)" ] || missing="$missing tdsodbc"
need chromium chromium
need node nodejs
need npm npm
[ -e /usr/share/samba/setup/provision.ldif ] || missing="$missing samba-ad-provision"
[ -n "$missing" ] || exit 0

run=""
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then run="sudo -n"; else run="none"; fi
fi
if command -v apt-get >/dev/null 2>&1 && [ "$run" != none ]; then
  echo "Installing for the tests:$missing"
  # The servers are only wanted as programs: a policy keeps the packages from starting them as services.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $run tee $policy >/dev/null && $run chmod +x $policy && made=yes
  fi
  $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/tmp/rollcall-apt.$$ 2>&1 \
    || { $run apt-get update -q >/dev/null 2>&1
         $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/tmp/rollcall-apt.$$ 2>&1; } \
    || { tail -n 5 /tmp/rollcall-apt.$$; failed=yes; }
  rm -f /tmp/rollcall-apt.$$
  [ "${made:-}" = yes ] && $run rm -f $policy
  [ "${failed:-}" = yes ] || exit 0
fi
echo "Not installed, and this user may not install it:$missing"
echo "Left out: the tests marked 'samba' (samba-ad-dc, samba-ad-provision, ldb-tools, ldap-utils, python3-gssapi) 'redis' (redis-server) and 'browser' (chromium), those of single sign-on (nodejs, npm), on RabbitMQ (rabbitmq-server) and nginx (nginx-light)."
echo "As root: apt-get install --no-install-recommends$missing"
if [ "${CI:-}" = true ]; then
  exit 1
fi
