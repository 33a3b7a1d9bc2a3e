package RT::KopnamsCalendar;
use strict;
use warnings;

# Good Friday and Easter Monday of a year, as Business::Hours wants them: YYYY-MM-DD. The Gregorian rule in the form of
# Meeus, Jones and Butcher.
sub easter_holidays {
    my ($year) = @_;
    my $a = $year % 19;
    my ( $b, $c ) = ( int( $year / 100 ), $year % 100 );
    my $h = ( 19 * $a + $b - int( $b / 4 ) - int( ( $b - int( ( $b + 8 ) / 25 ) + 1 ) / 3 ) + 15 ) % 30;
    my $l = ( 32 + 2 * ( $b % 4 ) + 2 * int( $c / 4 ) - $h - $c % 4 ) % 7;
    my $m = int( ( $a + 11 * $h + 22 * $l ) / 451 );
    my $n = $h + $l - 7 * $m + 114;
    require Time::Local;
    my $sunday = Time::Local::timegm( 0, 0, 12, $n % 31 + 1, int( $n / 31 ) - 1, $year );
    return map { my @day = gmtime( $sunday + $_ * 86_400 ); sprintf '%04d-%02d-%02d', $day[5] + 1900, $day[4] + 1, $day[3] } -2, 1;
}

1;
