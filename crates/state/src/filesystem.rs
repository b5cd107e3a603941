//! Which file systems a state may lie on.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// What every FUSE file system answers, those on a local disk too.
const FUSE: u64 = 0x6573_5546;

/// File systems with a server behind them, by the number that `statfs` gives (linux/magic.h, and their own sources).
const NETWORK: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x564c, "NCP"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0xaad7_aaea, "PanFS"),
    (0x0102_1997, "9p"),
];

/// Types of FUSE mounts with a server behind them. Others may be a local disk, as a shared folder of Docker Desktop is.
const NETWORK_FUSE: &[&str] = &[
    "blobfuse",
    "blobfuse2",
    "ceph",
    "ceph-fuse",
    "curlftpfs",
    "davfs",
    "davfs2",
    "gcsfuse",
    "geesefs",
    "glusterfs",
    "goofys",
    "juicefs",
    "mfs",
    "mount-s3",
    "mountpoint-s3",
    "rclone",
    "s3fs",
    "seaweedfs",
    "smbnetfs",
    "sshfs",
];

/// The network file system that `folder` lies on, if it does.
pub(crate) fn network_below(folder: &Path) -> io::Result<Option<String>> {
    let number = rustix::fs::statfs(folder)?.f_type;
    // Some kernels extend its sign.
    let number = (number as u64) & 0xffff_ffff;
    let mounted = match number {
        FUSE => fuse_type(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(), fs::metadata(folder)?.dev()),
        _ => None,
    };
    Ok(network(number, mounted.as_deref()))
}

/// The name of a file system that is reached through a network, by its number and, for FUSE, the type of its mount.
fn network(number: u64, fuse_type: Option<&str>) -> Option<String> {
    if let Some((_, name)) = NETWORK.iter().find(|(one, _)| *one == number) {
        return Some((*name).to_owned());
    }
    let known = fuse_type.filter(|kind| number == FUSE && NETWORK_FUSE.contains(kind));
    known.map(|kind| format!("FUSE, {kind}"))
}

/// The type of the FUSE mount of `device`, as `sshfs` for `fuse.sshfs`.
fn fuse_type(mountinfo: &str, device: u64) -> Option<String> {
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mountinfo.lines().find_map(|line| {
        let (place, mount) = line.split_once(" - ")?;
        (place.split(' ').nth(2)? == device).then_some(())?;
        mount.split(' ').next()?.strip_prefix("fuse.").map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

    use super::*;

    #[test]
    fn file_systems_with_a_server_behind_them_are_named() {
        let named = [
            (0x6969, "NFS"),
            (0x517b, "SMB"),
            (0xff53_4d42, "CIFS"),
            (0xfe53_4d42, "SMB2"),
            (0x5346_414f, "AFS"),
            (0x00c3_6400, "Ceph"),
            (0x0bd0_0bd0, "Lustre"),
            (0x0116_1970, "GFS2"),
            (0x0102_1997, "9p"),
        ];
        for (number, name) in named {
            assert_eq!(network(number, None).as_deref(), Some(name));
        }
    }

    #[test]
    fn local_file_systems_are_not() {
        // ext4, xfs, btrfs, overlay, tmpfs, zfs, f2fs
        for number in [0xef53, 0x5846_5342, 0x9123_683e, 0x794c_7630, 0x0102_1994, 0x2fc1_2fc1, 0xf2f5_2010] {
            assert_eq!(network(number, None), None);
        }
    }

    #[test]
    fn fuse_is_told_apart_by_the_type_of_its_mount() {
        assert_eq!(network(FUSE, Some("sshfs")).as_deref(), Some("FUSE, sshfs"));
        assert_eq!(network(FUSE, Some("s3fs")).as_deref(), Some("FUSE, s3fs"));
        assert_eq!(network(FUSE, Some("grpcfuse")), None);
        assert_eq!(network(FUSE, None), None);
        assert_eq!(network(0xef53, Some("sshfs")), None);
    }

    #[test]
    fn the_type_of_a_mount_is_read_by_its_device() {
        let mountinfo = "\
            36 35 254:0 / / rw,noatime - ext4 /dev/vda rw\n\
            41 36 0:52 / /mnt/far rw,nosuid shared:7 master:1 - fuse.sshfs me@there:/ rw,user_id=0\n\
            42 36 0:53 / /mnt/near rw - fuseblk /dev/sdb1 rw\n";
        let device = |minor| rustix::fs::makedev(0, minor);
        assert_eq!(fuse_type(mountinfo, device(52)).as_deref(), Some("sshfs"));
        assert_eq!(fuse_type(mountinfo, device(53)), None);
        assert_eq!(fuse_type(mountinfo, device(54)), None);
    }

    #[test]
    fn this_very_folder_can_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        network_below(folder.path()).unwrap();
        assert!(network_below(&folder.path().join("missing")).is_err());
    }
}
