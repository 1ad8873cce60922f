#!/bin/sh
# install-deps.sh [demo|bench]: make sure that the packages of the build and the tests are there
#
# With demo, those of the build and the demo only; with bench, also what the
# bench compares with. Prints nothing when all are.
# Otherwise installs them by apt (as root, or with a sudo that asks no
# password), or prints the one command to run.
set -eu

build="gcc make pkg-config libc6-dev libhiredis-dev libcurl4-openssl-dev libssl-dev
    libunwind-dev libdw-dev"
check="clang clang-format libclang-rt-14-dev libcriterion-dev valgrind gcc-aarch64-linux-gnu
    libc6-dev-arm64-cross g++ git strace python3 python3-numpy python3-h5py perl redis-tools nginx-light curl openssl
    swift-proxy swift-account swift-container swift-object"
subjects="sqlite3 hdf5-tools netcdf-bin samtools bcftools ripgrep ffmpeg gfortran zstd xz-utils
    bzip2 gawk nodejs busybox-static musl-tools file bsdextrautils mandoc lammps gromacs gdal-bin default-jdk-headless"
peers="rclone fuse3 nbdkit libnbd-bin xrootd-server libxrdposix3 python3-redis"
suites="libpython3.11-testsuite libglib2.0-tests"

case ${1:-} in
demo) packages="$build sqlite3" ;;
bench) packages="$build $check $subjects $peers" ;;
*) packages="$build $check $subjects $suites" ;;
esac
missing=
for package in $packages; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    echo "libps needs packages that are not installed. Run:" >&2
    echo "    sudo sh -c 'apt-get update && $command'" >&2
    exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Servers among them are for the tests, which start their own: the packages shall not.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$sudo rm -f $policy' EXIT
    trap 'exit 130' HUP INT TERM PIPE # at which no EXIT is
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi
$sudo apt-get update -qq
$sudo $command >/dev/null
