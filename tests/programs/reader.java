// reader.java: reads a file in the ways that Java programs do; see the table
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32;

class Reader {
    static void lines(String path) throws IOException {
        long count = 0, hash = 0;
        try (BufferedReader in = new BufferedReader(new FileReader(path))) {
            for (String line; (line = in.readLine()) != null; count++)
                hash = hash * 31 + line.hashCode();
        }
        System.out.println(count + " " + hash);
    }

    static void stream(String path) throws IOException {
        CRC32 sum = new CRC32();
        byte[] block = new byte[70000];
        try (FileInputStream in = new FileInputStream(path)) {
            System.out.println(in.available() + " " + in.skip(1000));
            for (int got; (got = in.read(block)) > 0;)
                sum.update(block, 0, got);
        }
        System.out.println(sum.getValue());
    }

    static void seeks(String path) throws IOException {
        byte[] block = new byte[100];
        try (RandomAccessFile in = new RandomAccessFile(path, "r")) {
            for (long at = in.length() - 100; at > 0; at -= in.length() / 7) {
                in.seek(at);
                in.readFully(block);
                CRC32 sum = new CRC32();
                sum.update(block);
                System.out.println(in.getFilePointer() + " " + sum.getValue());
            }
        }
    }

    static void map(String path) throws IOException {
        try (FileChannel in = FileChannel.open(Path.of(path))) {
            MappedByteBuffer all = in.map(FileChannel.MapMode.READ_ONLY, 0, in.size());
            MappedByteBuffer part = in.map(FileChannel.MapMode.READ_ONLY, 7_000_003, 8192);
            CRC32 sum = new CRC32();
            in.close();
            sum.update(all);
            System.out.println(all.limit() + " " + sum.getValue() + " " + part.get(4));
        }
    }

    static void channel(String path) throws IOException {
        ByteBuffer heap = ByteBuffer.allocate(300), direct = ByteBuffer.allocateDirect(300);
        try (FileChannel in = FileChannel.open(Path.of(path));
             FileChannel out = FileChannel.open(Path.of("out/part"), StandardOpenOption.CREATE,
                                                StandardOpenOption.WRITE)) {
            System.out.println(in.read(heap, 10_000_000) + in.read(new ByteBuffer[] {direct, heap}));
            System.out.println(in.position() + " " + direct.flip().get(299) + " " + heap.get(7));
            System.out.println(in.transferTo(5_000_000, 3_000_001, out));
        }
        Files.copy(Path.of(path), Path.of("out/copy"));
        System.out.println(new File(path).length() + " " + Files.mismatch(Path.of(path), Path.of("out/copy")));
    }

    public static void main(String[] arguments) throws IOException {
        String path = arguments[1];
        switch (arguments[0]) {
        case "lines" -> lines(path);
        case "stream" -> stream(path);
        case "seeks" -> seeks(path);
        case "map" -> map(path);
        case "channel" -> channel(path);
        default -> System.exit(2);
        }
    }
}
