package orgusers

// isRepeat reports whether s is a piece of up to four characters again and again: "aaaaaaaa",
// "abcabcab".
func isRepeat(s []rune) bool {
	for size := 1; size <= 4 && size < len(s); size++ {
		i := size
		for i < len(s) && s[i] == s[i-size] {
			i++
		}
		if i == len(s) {
			return true
		}
	}
	return false
}

// isRun reports whether s can be cut into runs of at least three: "qwertyuiop123456", "abcdefgh",
// "1111222233334444". The last piece may be shorter.
func isRun(s []rune) bool {
	reached := make([]bool, len(s)+1) // s[:i] can be cut so
	reached[0] = true
	for i := range s {
		if !reached[i] {
			continue
		}
		n := longestRun(s[i:])
		if i+n == len(s) {
			return true
		}
		for k := 3; k <= n; k++ {
			reached[i+k] = true
		}
	}
	return false
}

// longestRun counts how far s, from its beginning, repeats one character or follows a row.
func longestRun(s []rune) int {
	n := 1
	for n < len(s) && s[n] == s[0] {
		n++
	}
	for _, row := range keyboardRows() {
		for at := range len(row) {
			n = max(n, walk(row, at, 1, s), walk(row, at, -1, s))
		}
	}
	return n
}

// walk counts how far s follows the row from a place in a direction.
func walk(row string, at, direction int, s []rune) int {
	n := 0
	for n < len(s) && at >= 0 && at < len(row) && rune(row[at]) == s[n] {
		n++
		at += direction
	}
	return n
}

// keyboardRows are the rows fingers run along: the alphabet, the digits, the American, German and
// French keyboards, and the first one's columns and zigzags.
func keyboardRows() [17]string {
	return [...]string{
		"abcdefghijklmnopqrstuvwxyz", "01234567890", "!@#$%^&*()_+",
		"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
		"qwertzuiop", "yxcvbnm,.-",
		"azertyuiop", "qsdfghjklm", "wxcvbn,;:!",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp", "zaqxswcdevfrbgtnhymjukilop",
		"1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1a2b3c4d5e6f7g8h9i",
	}
}
