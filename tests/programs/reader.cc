// reader.cc: the ways in which C++ programs read their input
//
// reader-c++ WHAT [FILE] prints a checksum of what it reads.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

static uint64_t checksum;

static void add(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        checksum = (checksum ^ static_cast<unsigned char>(data[i])) * 1099511628211u;
}

static size_t lines(std::istream &in)
{
    std::string line;
    size_t n = 0;

    while (std::getline(in, line)) {
        add(line.data(), line.size());
        n++;
    }
    return n;
}

static size_t blocks(std::istream &in)
{
    std::vector<char> buffer(1 << 20);
    size_t n = 0;

    while (in.read(buffer.data(), buffer.size()) || in.gcount() > 0) {
        add(buffer.data(), in.gcount());
        n += in.gcount();
    }
    return n;
}

// Some bytes from the end to the start, by the stream's own buffer and around it.
static size_t seeks(std::istream &in)
{
    char buffer[100];

    in.seekg(0, std::ios::end);
    size_t size = in.tellg();
    for (int i = 9; i >= 0; i--) {
        in.seekg(size / 10 * i);
        in.read(buffer, sizeof(buffer));
        add(buffer, in.gcount());
        int c = in.get();
        in.unget();
        if (in.peek() != c)
            std::cout << "unget differs\n";
    }
    return size;
}

static size_t words(std::istream &in)
{
    std::string word;
    size_t n = 0;

    while (in >> word) {
        add(word.data(), word.size());
        n++;
    }
    return n;
}

static size_t characters(std::istream &in)
{
    std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};

    add(all.data(), all.size());
    return all.size();
}

static size_t copy(const char *path)
{
    std::filesystem::copy_file(path, "out/copy");
    std::ifstream in("out/copy", std::ios::binary);
    return blocks(in) + std::filesystem::file_size(path);
}

int main(int argc, char **argv)
{
    const std::string what = argc > 1 ? argv[1] : "";
    const char *path = argc > 2 ? argv[2] : "";
    size_t n;

    if (what == "copy") {
        n = copy(path);
    } else if (what == "cin-lines") {
        n = lines(std::cin);
    } else if (what == "cin-unsynced") {
        std::ios::sync_with_stdio(false);
        n = words(std::cin);
    } else {
        std::ifstream in(path, std::ios::binary);
        if (!in)
            return 1;
        if (what == "lines")
            n = lines(in);
        else if (what == "blocks")
            n = blocks(in);
        else if (what == "seeks")
            n = seeks(in);
        else if (what == "words")
            n = words(in);
        else if (what == "characters")
            n = characters(in);
        else
            return 2;
    }
    std::cout << what << ' ' << n << ' ' << checksum << '\n';
}
