//! A WebAssembly function: checksums of a text. Contract: docs/functions-wasm.md.
//!
//! python3 -m pip install ziglang
//! python3 -m ziglang build-exe checksum.zig -target wasm32-freestanding -fno-entry -O ReleaseSmall
//!     --export=basalt_alloc --export=basalt_call

const std = @import("std");

extern "basalt" fn log(level: u32, text: [*]const u8, length: usize) void;

/// An instance serves one call, so nothing is ever given back.
var memory = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

export fn basalt_alloc(length: usize) ?[*]u8 {
    const bytes = memory.allocator().alloc(u8, length) catch return null;
    return bytes.ptr;
}

export fn basalt_call(at: [*]const u8, length: usize) u64 {
    const answer = checksum(at[0..length]) catch |failure| refusal(failure);
    return (@as(u64, @intFromPtr(answer.ptr)) << 32) | answer.len;
}

const Call = struct { input: struct { text: []const u8 } };

fn checksum(text: []const u8) ![]const u8 {
    const allocator = memory.allocator();
    const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
    const call = try std.json.parseFromSliceLeaky(Call, allocator, text, options);
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(call.input.text, &digest, .{});
    const said = try std.fmt.allocPrint(allocator, "{d} bytes", .{call.input.text.len});
    log(1, said.ptr, said.len);
    return std.fmt.allocPrint(allocator, "{{\"result\":{{\"crc32\":{d},\"sha256\":\"{s}\"}}}}", .{
        std.hash.Crc32.hash(call.input.text),
        std.fmt.bytesToHex(digest, .lower),
    });
}

fn refusal(failure: anyerror) []const u8 {
    return switch (failure) {
        error.OutOfMemory => @trap(),
        else => "{\"error\":{\"code\":\"bad_input\",\"message\":\"give a text: {\\\"text\\\": \\\"…\\\"}\",\"status\":422}}",
    };
}
